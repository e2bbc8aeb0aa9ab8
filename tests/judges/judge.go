// Judge reads what Muster made from a folder and verifies it with Go's own sumdb packages.
package main

import (
	"encoding/hex"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	log.SetFlags(0)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(os.Args[1], name))
		check(err)
		return string(text)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(read("key")))
	check(err)
	checkpoint := func(name string) (int64, tlog.Hash) {
		opened, err := note.Open([]byte(read(name)), note.VerifierList(verifier))
		check(err)
		lines := strings.Split(opened.Text, "\n")
		if lines[0] != verifier.Name() {
			log.Fatal("the origin is not the key's name")
		}
		size, err := strconv.ParseInt(lines[1], 10, 64)
		check(err)
		root, err := tlog.ParseHash(lines[2])
		check(err)
		return size, root
	}
	hashes := func(name string) []tlog.Hash {
		var list []tlog.Hash
		for _, line := range strings.Fields(read(name)) {
			hash, err := tlog.ParseHash(line)
			check(err)
			list = append(list, hash)
		}
		return list
	}
	size, root := checkpoint("new")
	oldSize, oldRoot := checkpoint("old")
	index, err := strconv.ParseInt(read("index"), 10, 64)
	check(err)
	var leaf tlog.Hash
	_, err = hex.Decode(leaf[:], []byte(read("leaf")))
	check(err)
	check(tlog.CheckRecord(tlog.RecordProof(hashes("inclusion")), size, root, index, leaf))
	check(tlog.CheckTree(tlog.TreeProof(hashes("consistency")), size, root, oldSize, oldRoot))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
