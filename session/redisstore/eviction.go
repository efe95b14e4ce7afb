package redisstore

import "context"

// warnOfEviction says so where this Redis would throw sessions away to make room. It is asked once: who may not ask is not told.
func (s *Store) warnOfEviction(ctx context.Context) {
	info, err := s.do(ctx, s.client.B().Info().Section("memory").Build()).ToString()
	if policy := infoField(info, "maxmemory_policy"); err == nil && policy != "" && policy != "noeviction" {
		s.log.Warn("this Redis may evict sessions when its memory is full: set maxmemory-policy to noeviction", "store", s.where, "policy", policy)
	}
}
