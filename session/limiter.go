package session

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets bounds what a limiter keeps: two generations of so many buckets, some 20 MiB in all. Beyond it the buckets
// that nobody came back to for longest are forgotten. That is safe, since forgetting one gives its key a fresh burst and
// no more: whoever has the sessions or addresses to push a bucket out has a burst with each of them anyway, and filling a
// generation takes about as long as the bucket needs to fill up by itself. Refusing the new ones instead would let
// one flood lock everybody else out.
const maxBuckets = 1 << 16

// limiter has a token bucket for each key that came lately. A nil limiter lets everything through. It may be used concurrently.
type limiter[K comparable] struct {
	rate    rate.Limit
	burst   int
	refill  time.Duration // after so long without use a bucket is as good as a new one
	refusal *Error        // names the limit; shared by all who are refused

	// mu guards the generations: buckets that were used since the turn, and those that were not. At each turn the latter
	// are dropped, full again. So nothing has to go round looking for them.
	mu    sync.Mutex
	young map[K]*rate.Limiter
	old   map[K]*rate.Limiter
	turn  time.Time
}

// newLimiter makes a limiter of perSecond and burst; nil, which has no limit, where either is negative.
func newLimiter[K comparable](perSecond, burst int, refusal *Error) *limiter[K] {
	if perSecond <= 0 || burst <= 0 {
		return nil
	}
	return &limiter[K]{
		rate: rate.Limit(perSecond), burst: burst,
		refill:  time.Duration(float64(burst) / float64(perSecond) * float64(time.Second)),
		refusal: refusal,
		young:   make(map[K]*rate.Limiter),
	}
}

// take takes a token from the bucket of a key, or refuses.
func (l *limiter[K]) take(key K, now time.Time) error {
	if l == nil || l.bucket(key, now).AllowN(now, 1) {
		return nil
	}
	return l.refusal
}

func (l *limiter[K]) bucket(key K, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.young) >= maxBuckets || now.Sub(l.turn) >= l.refill {
		l.old, l.young, l.turn = l.young, make(map[K]*rate.Limiter), now
	}
	b, found := l.young[key]
	if !found {
		if b, found = l.old[key]; !found {
			b = rate.NewLimiter(l.rate, l.burst)
		}
		l.young[key] = b
	}
	return b
}
