# The server in a container: no shell user, nothing writable but /data. See docs/serve.md.
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY unmask unmask
RUN python -m venv /opt/unmask \
 && /opt/unmask/bin/pip install --no-cache-dir -c constraints.txt '.[serve]' \
 && /opt/unmask/bin/pip uninstall --yes pip

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin unmask \
 && install -d -o unmask -g unmask -m 0700 /data
COPY --from=build /opt/unmask /opt/unmask
ENV PATH=/opt/unmask/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 UNMASK_HOME=/data
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", \
  "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
# Other machines reach a container, so that the server asks for UNMASK_TOKEN and ends without it.
ENTRYPOINT ["unmask", "serve", "--host", "0.0.0.0"]
