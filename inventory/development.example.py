"""A site to try things on: Let's Encrypt's staging CA, which browsers do not trust.

cp inventory/development.example.py inventory/development.py
ONE_API_INFRA_ENVIRONMENT=development pyinfra inventory.py deploys/site.py
"""

STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"

hosts = [
    (
        "203.0.113.20",
        {
            "ssh_user": "root",
            "domain": "dev.example.com",
            "acme_email": "admin@example.com",
            # Its limits are wide: 30,000 certificates a week.
            "acme_server": STAGING,
            # What it issues is trusted by nobody; this is its root, for tests/server.
            # "trusted_ca_file": "/path/letsencrypt-stg-root-x1.pem",
            "waive": ["certificate.trusted"],  # shown, but no failure
            "environment": {"DEBUG": "true"},
            "log_days": 14,
        },
    ),
]
