# OpenBao itself: its store is a folder of its own, its address TLS 1.3 alone. Who unseals it is your
# decision (`seal "pkcs11"`, a cloud's key, or people with shares); none is set here, so that it starts
# sealed and waits for people.
ui            = false
disable_mlock = true # a container has no IPC_LOCK: forbid swap on the machine
api_addr      = "https://openbao:8200"
cluster_addr  = "https://openbao:8201"

storage "raft" {
  path    = "/openbao/data"
  node_id = "openbao-0"
}

listener "tcp" {
  address         = "0.0.0.0:8200"
  tls_cert_file   = "/run/tls/tls.crt"
  tls_key_file    = "/run/tls/tls.key"
  tls_min_version = "tls13"
}

# Whatever is asked is written down before it is answered.
audit "file" "events" {
  options = {
    file_path = "/openbao/audit/events.jsonl"
  }
}
