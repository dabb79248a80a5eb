"""The published formulas of older systems, repeated to the digit so that old results can be compared.

Every result says `compatible` and names the known fault of its formula in `fault`.
"""
