"""The agent on the server and the site's settings: what the other deploys stand on."""

from pyinfra import host

from one_api_infra import system
from one_api_infra.pyinfra import operations, target

site = target.site()

for directory in host.loop(system.directories()):
    operations.directory(name=f"Make {directory.path}", directory=directory)
for file in host.loop(system.agent_files(site)):
    operations.file(name=f"Write {file.path}", file=file)
