package zookeeper

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNotInstalled says what is missing.
var ErrNotInstalled = errors.New("not installed (apt-get install zookeeper)")

const (
	jar    = "/usr/share/java/zookeeper.jar" // its manifest names all that it needs
	logger = "/usr/share/java/slf4j-simple.jar"
)

// Installed is nil if an ensemble can be started here.
func Installed() error {
	if _, err := exec.LookPath("java"); err != nil {
		return fmt.Errorf("%w: there is no java", ErrNotInstalled)
	}
	if _, err := os.Stat(jar); err != nil {
		return fmt.Errorf("%w: there is no %s", ErrNotInstalled, jar)
	}
	return nil
}

// heap of a server. Its state is below 100 MB here; the rest is garbage of a
// second or so.
const heap = "1g"

// java is the command line of a server with a configuration file.
func java(config string) []string {
	return []string{
		"-Xms" + heap, "-Xmx" + heap, "-cp", jar + ":" + logger,
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
		"-Dzookeeper.admin.enableServer=false", "-Dzookeeper.4lw.commands.whitelist=srvr",
		"-Dzookeeper.preAllocSize=65536", "-Dzookeeper.snapCount=100000", "-Djute.maxbuffer=1048575",
		"org.apache.zookeeper.server.quorum.QuorumPeerMain", config,
	}
}

// configure writes the files of server id (from 1) of those whose client
// addresses and peers' ports are given, and returns the configuration's name.
func configure(folder string, id int, clients, quorum, election []string) (string, error) {
	own := filepath.Join(folder, fmt.Sprint(id))
	data, log := filepath.Join(own, "data"), filepath.Join(own, "log")
	if err := errors.Join(os.MkdirAll(data, 0o755), os.MkdirAll(log, 0o755)); err != nil {
		return "", err
	}
	host, port, _ := strings.Cut(clients[id-1], ":")
	var b strings.Builder
	fmt.Fprintf(&b, "tickTime=2000\ninitLimit=10\nsyncLimit=5\nmaxClientCnxns=0\nstandaloneEnabled=false\n"+
		"dataDir=%s\ndataLogDir=%s\nclientPortAddress=%s\nclientPort=%s\n", data, log, host, port)
	for i := range clients {
		_, electionPort, _ := strings.Cut(election[i], ":")
		fmt.Fprintf(&b, "server.%d=%s:%s\n", i+1, quorum[i], electionPort)
	}
	file := filepath.Join(own, "zoo.cfg")
	return file, errors.Join(
		os.WriteFile(filepath.Join(data, "myid"), []byte(fmt.Sprintln(id)), 0o644),
		os.WriteFile(file, []byte(b.String()), 0o644))
}
