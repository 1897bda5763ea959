module github.com/eyrie-dev/eyrie

go 1.26.0

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/cespare/xxhash/v2 v2.3.0
	github.com/hashicorp/go-msgpack/v2 v2.1.5
	github.com/tidwall/btree v1.8.2
)
