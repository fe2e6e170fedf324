"""The page on which people answer alerts: what fires, who attends to it, what is shelved, what was done."""
