#!/bin/sh
# Make the accounts of the services, on Debian and its like. Safe to run again.
# portcullis and portcullis-stage are of enforced mode (docs/enforced.md), the others of
# docs/deployment.md.
set -eu

getent group portcullis-users >/dev/null || groupadd --system portcullis-users
for account in portcullis portcullis-stage portcullis-prefect portcullis-flows; do
  getent passwd "$account" >/dev/null ||
    useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin "$account"
done
echo "Add whoever may ask for a release: usermod --append --groups portcullis-users LOGIN"
