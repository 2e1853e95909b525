# The registry's server: its own secrets, and an account of its database.
path "kv/data/portcullis/registry" {
  capabilities = ["read"]
}

path "database/creds/portcullis-registry" {
  capabilities = ["read"]
}

# A lease is renewed by whoever holds its id, and ids cannot be listed.
path "sys/leases/renew" {
  capabilities = ["update"]
}
