"""What a person may ask of us about their data: all of it handed over (exporting.py), all of it gone (erasing.py)."""
