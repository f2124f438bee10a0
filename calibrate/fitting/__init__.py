"""What `calibrate.subject` fits on top of the physics, and to which layers."""
