# The worker: its own secrets, and signing by the roles' keys, which never leave.
path "kv/data/portcullis/worker" {
  capabilities = ["read"]
}

path "transit/keys/portcullis-*" {
  capabilities = ["read"]
}

path "transit/sign/portcullis-*" {
  capabilities = ["update"]
}
