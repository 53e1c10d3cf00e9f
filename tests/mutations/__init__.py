"""Is every guard needed? Each is taken out of a copy of the tree, once, and some test must go red.

guards/*.toml say what is taken out and which tests must notice; trees.py takes it out, trials.py runs the tests,
findings.py says what that means, __main__.py is the command.
"""
