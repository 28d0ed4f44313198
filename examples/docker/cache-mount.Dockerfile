# syntax=docker/dockerfile:1
#
# An image that keeps nothing of pipcache. It is mounted while it is needed, and so is its cache, which outlives the build:
# when requirements.txt changes, only what is new in it is built.
#
# Not tested in a container engine; the commands are run by tests, with folders in the place of mounts.

FROM python:3.13 AS pipcache
RUN python -m venv /opt/pipcache && /opt/pipcache/bin/python -m pip install --quiet pipcache-plugin

FROM python:3.13
WORKDIR /app
COPY requirements.txt .
RUN python -m venv --without-pip /opt/venv
RUN --mount=type=bind,from=pipcache,source=/opt/pipcache,target=/opt/pipcache \
    --mount=type=cache,id=pipcache,sharing=shared,target=/var/cache/pipcache \
    PIPCACHE_DIR=/var/cache/pipcache /opt/pipcache/bin/pipcache --python /opt/venv install -r requirements.txt
ENV PATH=/opt/venv/bin:$PATH
CMD ["python"]
