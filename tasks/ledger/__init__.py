"""The append-only log: a Merkle tree in tiles, signed checkpoints, proofs, and where it is stored."""
