# The image of keyboss itself: the watchdog runs from it in the cluster.
#   docker build -t keyboss/keyboss:0.1.0 .
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
COPY --from=build /source/target/release/keyboss /usr/local/bin/keyboss
USER 65534
ENTRYPOINT ["keyboss"]
