"""Kernels on columns of text: Java's regular expressions and case rules, splitting, hashing.

Knows nothing about stages.
"""
