package main

import (
	"errors"
	"fmt"
	"net/http"
)

// clashes says which settings do not go together. Only a server asks: other commands may see a part of its settings.
func (c *config) clashes() error {
	var errs []error
	if (c.tlsCert == "") != (c.tlsKey == "") {
		have, lacks := tlsCertSetting, tlsKeySetting
		if c.tlsCert == "" {
			have, lacks = lacks, have
		}
		errs = append(errs, fmt.Errorf("--%s is set and --%s is not: TLS needs the certificate and its private key, give both or none", have, lacks))
	}
	if len(c.acmeDomains) > 0 && (c.tlsCert != "" || c.tlsKey != "") {
		errs = append(errs, fmt.Errorf("--%s is set, and --%s or --%s too: a certificate comes either from a CA or from files", acmeDomainSetting, tlsCertSetting, tlsKeySetting))
	}
	if len(c.acmeDomains) > 0 && c.store.shared() {
		errs = append(errs, fmt.Errorf("--%s is set and --%s is a Redis: of several servers the CA would ask any, and only one would know the answer. "+
			"Let the proxy before them speak HTTPS, or give --%s and --%s", acmeDomainSetting, storeSetting, tlsCertSetting, tlsKeySetting))
	}
	if c.redirectAddr != "" && !c.speaksTLS() {
		errs = append(errs, fmt.Errorf("--%s is set and there is no HTTPS to lead to: give --%s, or --%s and --%s", redirectAddrSetting, acmeDomainSetting, tlsCertSetting, tlsKeySetting))
	}
	if http.SameSite(c.sameSite) == http.SameSiteNoneMode && !c.speaksTLS() && c.tlsKey == "" && len(c.trustedProxies) == 0 {
		errs = append(errs, errors.New("--cookie-samesite=none needs HTTPS, since browsers drop such a cookie where it is not Secure: "+
			"give --"+acmeDomainSetting+", or --"+tlsCertSetting+" and --"+tlsKeySetting+", or name the proxy that speaks HTTPS in --trusted-proxies"))
	}
	if c.store.shared() && len(c.secretKeys) == 0 {
		errs = append(errs, fmt.Errorf("--%s is a Redis and --%s is not set: all its servers need the same cookie keys, "+
			"so give one (`seshd keygen` prints it)", storeSetting, secretKeySetting))
	}
	if c.redisWait > 0 && !c.store.shared() {
		errs = append(errs, fmt.Errorf("--%s is set and --%s is not a Redis: there are no replicas to wait for", redisWaitSetting, storeSetting))
	}
	return errors.Join(errs...)
}
