// Checks the tree of an audit log with the packages of the Go checksum database alone: the signature of the checkpoint, the
// root, that each line of the log is in the tree, and that an older checkpoint is its beginning. It shares no code with the
// server. Never in it: anything that the tests expect.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const usage = `usage: evidence-check check FOLDER VERIFIER-KEY OLD-CHECKPOINT|- LOG...
       evidence-check add-log DATABASE ORIGIN VERIFIER-KEY`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) >= 5 && arguments[0] == "check":
		return check(arguments[1], arguments[2], arguments[3], arguments[4:])
	case len(arguments) == 4 && arguments[0] == "add-log":
		return addLog(arguments[1], arguments[2], arguments[3])
	}
	return errors.New(usage)
}

// check verifies the folder against the key, and the logs, given in the order in which they were written, against the folder.
func check(folder, key, old string, logs []string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	tree, err := checkpoint(filepath.Join(folder, "checkpoint"), verifier)
	if err != nil {
		return err
	}
	tiles := tlog.TileHashReader(tree, reader{folder})
	entries, err := readEntries(folder, tree.N)
	if err != nil {
		return err
	}
	for at, entry := range entries {
		record := tlog.RecordHash(entry)
		proof, err := tlog.ProveRecord(tree.N, int64(at), tiles)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, int64(at), record); err != nil {
			return fmt.Errorf("entry %d: %w", at, err)
		}
	}
	lines, err := checkLines(entries, logs)
	if err != nil {
		return err
	}
	if old != "-" {
		older, err := checkpoint(old, verifier)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, older.N, tiles)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash); err != nil {
			return fmt.Errorf("from %d to %d: %w", older.N, tree.N, err)
		}
	}
	fmt.Printf("%d entries, %d lines\n", tree.N, lines)
	return nil
}

// checkLines compares the digest of each line with its entry.
func checkLines(entries [][]byte, logs []string) (int, error) {
	at := 0
	for _, log := range logs {
		file, err := os.Open(log)
		if err != nil {
			return at, err
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 128<<20)
		for lines.Scan() {
			digest := sha256.Sum256(lines.Bytes())
			if at >= len(entries) || string(digest[:]) != string(entries[at]) {
				return at, fmt.Errorf("%s: line %d of all is not entry %d", log, at+1, at)
			}
			at++
		}
		file.Close()
		if lines.Err() != nil {
			return at, lines.Err()
		}
	}
	if at != len(entries) {
		return at, fmt.Errorf("%d lines for %d entries", at, len(entries))
	}
	return at, nil
}

func checkpoint(path string, verifier note.Verifier) (tree tlog.Tree, err error) {
	signed, err := os.ReadFile(path)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tree, fmt.Errorf("%s: %w", path, err)
	}
	parts := strings.Split(opened.Text, "\n")
	if len(parts) != 4 || parts[0] != verifier.Name() {
		return tree, fmt.Errorf("%s: not a checkpoint of %s", path, verifier.Name())
	}
	if tree.N, err = strconv.ParseInt(parts[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(parts[2])
	return tree, err
}

func readEntries(folder string, size int64) (entries [][]byte, err error) {
	for at := int64(0); at < size; at += 256 {
		width := min(size-at, 256)
		bundle, err := os.ReadFile(filepath.Join(folder, resource("entries", at/256, int(width))))
		if err != nil {
			return nil, err
		}
		for range width {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return nil, fmt.Errorf("bundle %d ends early", at/256)
			}
			length := 2 + int(binary.BigEndian.Uint16(bundle))
			entries, bundle = append(entries, bundle[2:length]), bundle[length:]
		}
	}
	return entries, nil
}

// reader reads tiles by the names of tlog-tiles, where x/mod has its own.
type reader struct{ folder string }

func (reader) Height() int { return 8 }

func (reader) SaveTiles([]tlog.Tile, [][]byte) {}

func (r reader) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		bytes, err := os.ReadFile(filepath.Join(r.folder, resource(strconv.Itoa(tile.L), tile.N, tile.W)))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

func resource(level string, index int64, width int) string {
	name := fmt.Sprintf("%03d", index%1000)
	for index /= 1000; index > 0; index /= 1000 {
		name = fmt.Sprintf("x%03d/%s", index%1000, name)
	}
	if width < 256 {
		name += fmt.Sprintf(".p/%d", width)
	}
	return "tile/" + level + "/" + name
}

// addLog makes a log known to a litewitness, as its own command-line tool would.
func addLog(database, origin, key string) error {
	connection, err := sqlite.OpenConn(database)
	if err != nil {
		return err
	}
	defer connection.Close()
	empty := tlog.Hash(sha256.Sum256(nil)).String()
	if err := sqlitex.Execute(connection, "INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)",
		&sqlitex.ExecOptions{Args: []any{origin, empty}}); err != nil {
		return err
	}
	return sqlitex.Execute(connection, "INSERT INTO key (origin, key) VALUES (?, ?)",
		&sqlitex.ExecOptions{Args: []any{origin, key}})
}
