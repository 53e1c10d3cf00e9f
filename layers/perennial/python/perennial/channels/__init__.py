"""Messages to customers: the wording, who may have it, and sending each once."""
