"""The first load of a merchant's past: files become parts, parts become events, and every row is accounted for."""
