module github.com/eyrie-dev/eyrie/bench/peers

go 1.26.0

require (
	github.com/eyrie-dev/eyrie v0.0.0
	go.etcd.io/raft/v3 v3.7.0
	google.golang.org/protobuf v1.36.11
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/hashicorp/go-msgpack/v2 v2.1.5 // indirect
	github.com/tidwall/btree v1.8.2 // indirect
)

replace github.com/eyrie-dev/eyrie => ../..
