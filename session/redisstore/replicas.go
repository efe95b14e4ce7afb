package redisstore

import (
	"context"
	"time"

	"github.com/redis/rueidis"

	"github.com/seshd/seshd/session"
)

// replicasWithin is how long replicas are waited for at a time; within retryFor they are asked again.
const replicasWithin = time.Second

var errFewReplicas = session.Refuse(session.Unavailable,
	"this is stored, but too few replicas of the store have it, so that a failover may lose it: ask again with the same id")

// replicated waits until as many replicas as Options asks for have a commit. lost is what is there instead where a failover took that back.
func (a *attempt) replicated(ctx context.Context, commit *envelope) (lost *envelope, err error) {
	if a.store.replicas == 0 || !commit.exists() {
		return nil, nil
	}
	for try := 0; try == 0 || time.Now().Before(a.until); try++ {
		if try > 0 {
			time.Sleep(pause(try))
		}
		have, there, failed := a.store.askReplicas(ctx, a.id, commit)
		switch {
		case failed != nil:
			err = failed
		case there.lastOf(commit.tag.node()) != commit.tag:
			return there, nil
		case have >= a.store.replicas:
			return nil, nil
		default:
			err = errFewReplicas
		}
	}
	return nil, err
}

// askReplicas says what is there of a session, and how many replicas have it. WAIT is about its own connection, so nobody else may write on that.
func (s *Store) askReplicas(ctx context.Context, id session.ID, commit *envelope) (have int, there *envelope, err error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	var answers []rueidis.RedisResult
	_ = s.client.Dedicated(func(c rueidis.DedicatedClient) error {
		answers = c.DoMulti(ctx,
			c.B().Eval().Script(s.scripts.mark).Numkeys(1).Key(sessionKey(id)).Arg(commit.fence()).Build(),
			c.B().Wait().Numreplicas(int64(s.replicas)).Timeout(replicasWithin.Milliseconds()).Build())
		return nil
	})
	n, err := answers[1].AsInt64()
	if err != nil {
		return 0, nil, err
	}
	answer, err := answers[0].ToMessage()
	if err != nil || !answer.IsString() {
		return int(n), commit, err
	}
	value, err := answer.AsBytes()
	if err != nil {
		return 0, nil, err
	}
	there, err = s.found(ctx, id, value)
	return int(n), there, err
}
