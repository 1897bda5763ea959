module github.com/eyrie-dev/eyrie/bench/peers

go 1.26.0

require (
	github.com/eyrie-dev/eyrie v0.0.0
	go.etcd.io/raft/v3 v3.7.0
	google.golang.org/protobuf v1.36.11
)

replace github.com/eyrie-dev/eyrie => ../..
