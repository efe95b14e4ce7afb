package redisstore

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/seshd/seshd/session"
)

// keptLives is how many lines of the story are kept for backends that come back: hours of logins in a busy shop.
const keptLives = 1 << 16

// tell adds the lines of one commit to the story, unless somebody did.
func (s *Store) tell(ctx context.Context, id session.ID, rev uint64, lines []string) error {
	lineage, err := s.lineage.of(ctx, s)
	if err != nil {
		return err
	}
	args := []string{
		strconv.FormatUint(rev, 10), millis(unsweptFor), strconv.Itoa(keptLives),
		strconv.FormatUint(lineage, 10), strconv.FormatUint(session.Lineage(lineage).First(), 10), s.publish, storyKey,
	}
	return s.run(ctx, s.scripts.tell, []string{storyKey, storyAtKey, toldKey(id)}, append(args, lines...)...).Error()
}

// Lives returns lines of the story.
func (s *Store) Lives(ctx context.Context, after uint64, limit int) (lives []session.Life, newest uint64, gap bool, err error) {
	if s.isClosed() {
		return nil, 0, false, errClosed
	}
	lives, newest, oldest, err := s.lives(ctx, after+1, limit)
	if err == nil {
		gap = after > newest || after < newest && after+1 < oldest || limit > 0 && after < newest && len(lives) > 0 && lives[0].Seq != after+1
		if gap {
			lives, newest, _, err = s.lives(ctx, 0, limit)
		}
	}
	if err != nil {
		return nil, 0, false, s.fault("story", err)
	}
	return lives, newest, gap, nil
}

// lives reads lines from the one numbered on, until the first hole.
func (s *Store) lives(ctx context.Context, from uint64, limit int) (lives []session.Life, newest, oldest uint64, err error) {
	answer, err := s.run(ctx, s.scripts.lives, []string{storyKey, storyAtKey}, strconv.FormatUint(from, 10), strconv.Itoa(limit)).ToArray()
	if err != nil {
		return nil, 0, 0, err
	}
	if len(answer) != 3 {
		return nil, 0, 0, errDamaged
	}
	if newest, err = answer[0].AsUint64(); err != nil {
		return nil, 0, 0, err
	}
	first, err := answer[1].AsXRange()
	if err != nil {
		return nil, 0, 0, err
	}
	if len(first) > 0 {
		if oldest, err = lineNumber(first[0].ID); err != nil {
			return nil, 0, 0, err
		}
	}
	entries, err := answer[2].AsXRange()
	for _, entry := range entries {
		life, errLife := session.DecodeLife([]byte(entry.FieldValues[storyLetter]))
		seq, errSeq := lineNumber(entry.ID)
		if err = errors.Join(err, errLife, errSeq); err != nil {
			return nil, 0, 0, err
		}
		life.Seq = seq
		if n := len(lives); n > 0 && lives[n-1].Seq+1 != seq {
			break // the next question finds a gap
		}
		lives = append(lives, life)
	}
	return lives, newest, oldest, err
}

// lineNumber reads the number of a line out of the id of its entry.
func lineNumber(entry string) (uint64, error) {
	number, _, _ := strings.Cut(entry, "-")
	return strconv.ParseUint(number, 10, 64)
}
