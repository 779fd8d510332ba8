/**
 * The configuration of nginx in front of a directory that `vitrine export --follow` keeps up to date, and of the downloads, the bundle
 * of each being the head of its stream. Tiles never change; checkpoints and heads do.
 */
export function nginxConfiguration({ directory, port, heads }) {
  const bundles = Object.entries(heads).map(
    ([file, head]) => `
    location = /downloads/${file}.vitrine {
      alias ${directory}/public/heads/${head};
      add_header Cache-Control 'max-age=1';
    }`,
  );
  return `daemon off;
pid ${directory}/nginx/nginx.pid;
error_log stderr;
worker_processes 1;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path ${directory}/nginx/body;
  proxy_temp_path ${directory}/nginx/proxy;
  fastcgi_temp_path ${directory}/nginx/fastcgi;
  uwsgi_temp_path ${directory}/nginx/uwsgi;
  scgi_temp_path ${directory}/nginx/scgi;
  default_type application/octet-stream;
  add_header Access-Control-Allow-Origin *;
  server {
    listen 127.0.0.1:${port};
    root ${directory}/public;
    location = /checkpoint {
      default_type 'text/plain; charset=utf-8';
      add_header Cache-Control 'max-age=1';
      add_header Access-Control-Allow-Origin *;
    }
    location /tile/ {
      add_header Cache-Control 'public, max-age=31536000, immutable';
      add_header Access-Control-Allow-Origin *;
      gzip on;
      gzip_types application/octet-stream;
    }
    location /heads/ {
      add_header Cache-Control 'max-age=1';
      add_header Access-Control-Allow-Origin *;
    }
    location /downloads/ {
      alias ${directory}/downloads/;
    }${bundles.join('')}
  }
}
`;
}
