# The shipper of events and alerts: its own secrets, and no more.
path "kv/data/portcullis/alerts" {
  capabilities = ["read"]
}
