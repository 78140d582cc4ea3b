"""Teachers: published networks whose opinion a recipe distils; used in training only.

One file each. Their weights are looked up by `unmask.lab.weights` and never shipped.
"""
