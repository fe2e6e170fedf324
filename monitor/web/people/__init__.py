"""What people do through the web: logging in, answering alerts by forms and by the API. Nothing is decided here."""
