"""Records on disk: their JSON form and a write-once folder of them."""
