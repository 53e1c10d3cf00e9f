"""`make campaign`: the whole house, simulated from a seed, under every fault that the cloud has been seen to make."""
