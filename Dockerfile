# keyboss, for what of it runs in the cluster. Debian 12 in both stages: one libc.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY benches benches
COPY envs envs
COPY manifests manifests
COPY src src
RUN cargo build --locked --release --bin keyboss

FROM debian:bookworm-slim
COPY --from=build /src/target/release/keyboss /usr/local/bin/keyboss
# Whoever probes an https address has to know whom to trust.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# A number, so that Kubernetes can see that it is not root.
USER 65534:65534
EXPOSE 5000 8080
ENTRYPOINT ["keyboss"]
