# The configuration inside the image. Mount another one over it, with TLS.
listener "tcp" {
  address     = "0.0.0.0:8200"
  tls_disable = true
}

storage "file" {
  path = "/var/lib/onrecord/data"
}

audit {
  minimum = 1
}

# The log of the container is the audit log.
audit "file" "stdout" {
  options {
    file_path = "stdout"
  }
}
