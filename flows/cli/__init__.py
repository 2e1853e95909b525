"""The commands of `./portcullis`, one module each."""
