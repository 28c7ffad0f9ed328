"""Attention on a budget: which keys a query may attend to, what it costs, and how to prove it.

In every mask of this package **True = may attend**.

- `thrifty.patterns`: rules on positions (`Causal`, `Local`, `Atrous`, ...), their masks and costs.
- `thrifty.masks`: masks that depend on the sequence (padding, prefix, permuted order, documents,
  trees, ...), and reach over several layers.
- `thrifty.corruption`: what masked language models mask: their inputs.
- `thrifty.descriptions`: a mask in one sentence.
- `thrifty.attention`: dense attention, as a loop, as NumPy and as a Keras layer: the oracle.
- `thrifty.sparse`: attention that computes only the tiles its pattern touches, and what it costs.
- `thrifty.leakage`: which input positions an output really depends on, measured on any model.
- `thrifty.surgery`: parts of a Keras model, cut out or put in, with the same weights.
- `thrifty.masking`: where Keras's implicit masks get lost in a model, and what that changes.
- `thrifty.tracking`: weights that run in a Keras model and do not belong to it.
- `thrifty.layers`: small Keras layers that keep the padding out, and a tied output.
- `thrifty.transformer`: a Transformer that takes any mask, with a key/value cache.
- `thrifty.decoding`: greedy, sampled and beam-searched texts from any model of the next token.
- `thrifty.codes`: entropy, Huffman's prefix code, and streams of bits that decode back exactly.
- `thrifty.codebooks`: several codes in one stream, each symbol choosing the book of the next.
- `thrifty.networks`: graphs of every kind as the same arrays.
- `thrifty.flows`: how often a random walker visits each node and follows each link.
- `thrifty.mapequation`: what a step of the walk costs in bits, given modules.
- `thrifty.infomap`: the search for the modules that make it cheapest.
- `thrifty.plain_infomap`: the same search in dictionaries, to be read.
- `thrifty.neighbours`: vectors as a network, each linked to its nearest.
- `thrifty.soft_mapequation`: the map equation as a Keras loss, for nodes in several modules.

Import the module you need. Only those that hold Keras layers import Keras.
"""

__version__ = "0.1.0"
