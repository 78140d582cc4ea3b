"""The models that come with the package, a folder each.

Bundles are `model.onnx` and `card.json`; `face-language` is a backbone for the lab, as
`unmask.lab.packed` writes one, with its card in its README.
"""
