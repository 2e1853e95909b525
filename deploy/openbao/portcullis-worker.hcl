# The worker: its own secrets, the gatekeeper's account of the registry's database, and signing by
# the roles' keys, which never leave.
path "kv/data/portcullis/worker" {
  capabilities = ["read"]
}

path "database/creds/portcullis-worker" {
  capabilities = ["read"]
}

# A lease is renewed by whoever holds its id, and ids cannot be listed.
path "sys/leases/renew" {
  capabilities = ["update"]
}

path "transit/keys/portcullis-*" {
  capabilities = ["read"]
}

path "transit/sign/portcullis-*" {
  capabilities = ["update"]
}
