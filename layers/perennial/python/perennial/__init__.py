"""Perennial, the customer-lifecycle engine: rules in `domain`, vendors in `sources`, AWS in `aws`, one `engine`."""
