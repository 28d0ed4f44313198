# syntax=docker/dockerfile:1
#
# A base image with pipcache and a cache that is only read. Images above it say `pipcache install`: what the cache has is found,
# also on this slim image without a compiler. What is new goes into the cache of whoever installs.
#
# Not tested in a container engine; the commands are run by tests, with folders in the place of the root file system.

FROM python:3.13 AS wheels
RUN python -m venv /opt/pipcache && /opt/pipcache/bin/python -m pip install --quiet pipcache-plugin
COPY requirements.txt .
RUN python -m venv --without-pip /tmp/venv
RUN PIPCACHE_DIR=/opt/wheels /opt/pipcache/bin/pipcache --python /tmp/venv install -r requirements.txt
RUN PIPCACHE_DIR=/opt/wheels /opt/pipcache/bin/pipcache cache prune --ci && chmod -R a+rX,a-w /opt/wheels

FROM python:3.13-slim
COPY --from=wheels /opt/pipcache /opt/pipcache
COPY --from=wheels /opt/wheels /opt/wheels
ENV PATH=/opt/pipcache/bin:$PATH
ENV PIPCACHE_READ_ONLY_DIRS=/opt/wheels
