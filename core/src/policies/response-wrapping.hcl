# What a wrapping token may do, once: it is exchanged for what is wrapped in it.
path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}
# The same for clients of before there was that path: the wrapped answer as a text.
path "cubbyhole/response" {
  capabilities = ["read"]
}
