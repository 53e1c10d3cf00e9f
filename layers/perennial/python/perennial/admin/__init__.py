"""The admin API: what staff and their console may see and change. api.py knows HTTP, desk.py does not."""
