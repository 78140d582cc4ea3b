"""The field's data sets, one file each, as `unmask.lab.data.layout` describes them."""
