"""The methods: one paper, one file. They are found by walking this folder."""
