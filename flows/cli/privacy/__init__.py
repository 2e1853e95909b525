"""Commands of privacy officers: erase, export, hold, and what is due."""
