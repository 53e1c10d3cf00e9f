"""`make bench`: the budgets of DESIGN section 8, measured; the figures are kept in docs/benchmarks.md."""
