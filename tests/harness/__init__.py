"""The acceptance harness: plays test programs and applications through checkpoints and restores, and judges the outcome."""
