"""What is said about which model serves: approved, decided, and that the alias was moved.

May import: `tasks.attestation`.
"""
