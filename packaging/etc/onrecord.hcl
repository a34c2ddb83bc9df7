# The configuration of the OnRecord server. `onrecord operator diagnose -config=/etc/onrecord/onrecord.hcl` checks it.

listener "tcp" {
  address = "127.0.0.1:8200"
  # Without TLS, for this machine alone. Before anybody else connects:
  #   tls_cert_file = "/etc/onrecord/tls.pem"
  #   tls_key_file  = "/etc/onrecord/tls.key"
  tls_disable = true
}

storage "file" {
  path = "/var/lib/onrecord/data"
}

# Without a device nothing but enabling one works.
audit {
  minimum = 1
}

audit "file" "main" {
  options {
    file_path = "/var/log/onrecord/audit.log"
  }
}
